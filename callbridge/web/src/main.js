import "./style.css";
import { render } from "preact";
import { App } from "./app.js";
import { submitByEnter } from "./parts/enter.js";
import { html } from "./parts/html.js";

document.addEventListener("keydown", submitByEnter);
render(html`<${App} />`, document.getElementById("app"));
