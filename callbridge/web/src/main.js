import "./style.css";
import { render } from "preact";
import { App } from "./app.js";
import { html } from "./parts/html.js";

render(html`<${App} />`, document.getElementById("app"));
