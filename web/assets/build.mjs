// Builds web/static/dist from the sources beside this file: hashed names, shared chunks, manifest.json, notices.
// Usage: node build.mjs [output folder]. Add an island: one more line in `entries`.
import { build } from "esbuild";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "../static/dist"));
const entries = {
  look: "look.css",
  main: "main.ts",
  diagram: "diagram.ts",
  modeler: "modeler.ts",
  decisions: "decisions.ts",
  "form-editor": "form-editor.ts",
};

// Icon fonts come in four formats; every browser we name reads woff2, so the drawn one is left out.
const withoutDrawnFonts = {
  name: "without-drawn-fonts",
  setup: (plugin) => plugin.onLoad({ filter: /-font\/font\/.*\.svg$/ }, () => ({ contents: "", loader: "empty" })),
};

// The code editor's styles go through the page's own style sheets, which a strict content security policy allows; as elements
// they would be blocked. It does so already within shadow roots.
const withAdoptedStyles = {
  name: "with-adopted-styles",
  setup: (plugin) =>
    plugin.onLoad({ filter: /style-mod\/src\/style-mod\.js$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      const changed = source.replace("!root.head && root.adoptedStyleSheets", "root.adoptedStyleSheets");
      if (changed === source) throw new Error("style-mod has changed; look at its StyleSet again.");
      return { contents: changed, loader: "js" };
    }),
};

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const result = await build({
  absWorkingDir: here,
  entryPoints: Object.entries(entries).map(([name, file]) => ({ in: file, out: name })),
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  metafile: true,
  legalComments: "none",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff2": "file", ".woff": "empty", ".ttf": "empty", ".eot": "empty", ".svg": "dataurl" },
  // One preact for all: the panel brings its own, and two do not understand each other's components.
  alias: { preact: "@bpmn-io/properties-panel/preact" },
  plugins: [withoutDrawnFonts, withAdoptedStyles],
  logLevel: "warning",
});

const manifest = {};
for (const [file, output] of Object.entries(result.metafile.outputs)) {
  if (!output.entryPoint) continue;
  const [name] = Object.entries(entries).find(([, source]) => source === output.entryPoint) ?? [];
  if (!name) continue;
  const css = output.cssBundle ? [basename(output.cssBundle)] : [];
  manifest[name] = file.endsWith(".css") ? { css: [basename(file)] } : { js: basename(file), css };
}
const sorted = Object.fromEntries(Object.entries(manifest).sort());
writeFileSync(join(out, "manifest.json"), JSON.stringify(sorted, null, 2) + "\n");
writeFileSync(join(out, "NOTICES.txt"), notices(Object.keys(result.metafile.inputs)));

function notices(inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(relative(here, resolve(here, input)));
    if (found) packages.add(found[1]);
  }
  return [...packages].sort().map(notice).join("\n" + "-".repeat(72) + "\n\n");
}

function notice(name) {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version} (${license ?? "see below"})\n\n${file ? readFileSync(join(folder, file), "utf8").trim() : ""}\n`;
}
