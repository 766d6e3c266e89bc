// Markup without a compiler. Whatever is put into it becomes a text node or an attribute, never markup.

import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);
