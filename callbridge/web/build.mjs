// Bundles src/ into dist/: index.html, and below assets/ files whose names change with their contents, so that browsers may keep
// them for ever. Called by `make setup` and by the wheel's build.

import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const draft = path.join(here, "dist.new");
const dist = path.join(here, "dist");

await rm(draft, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.js"],
  outdir: path.join(draft, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true, // a page that few open is loaded when it is opened
  minify: true,
  format: "esm",
  target: "es2022",
  metafile: true,
  legalComments: "none",
  logLevel: "warning",
});

const [script, { cssBundle, imports }] = Object.entries(metafile.outputs).find(([, made]) => made.entryPoint === "src/main.js");
const asset = (name) => `/assets/${path.basename(name)}`;
// What the first page needs is asked for at once, not when the script before it was read.
const shared = imports.filter((one) => one.kind === "import-statement").map((one) => one.path);
const page = await readFile(path.join(here, "src", "index.html"), "utf8");
await mkdir(draft, { recursive: true });
const icon = await readFile(path.join(here, "src", "icon.svg"));
await writeFile(path.join(draft, "assets", "icon.svg"), icon);
await writeFile(
  path.join(draft, "index.html"),
  page.replace("{preload}", shared.map((name) => `<link rel="modulepreload" href="${asset(name)}" />`).join("\n    ")).replace("{script}", asset(script)).replace("{style}", asset(cssBundle)),
);
await rm(dist, { recursive: true, force: true });
await rename(draft, dist);
