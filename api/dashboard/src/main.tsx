// Start: styles, session, page.
import { render } from "preact";
import { App } from "./app";
import { startSession } from "./core/http";
import "./style/base.css";
import "./style/frame.css";
import "./style/wall.css";
import "./style/charts.css";
import "./style/alerts.css";
import "./style/plan.css";
import "./style/connections.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
void startSession();
