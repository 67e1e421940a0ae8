// Builds what browsers get: one style sheet, the scripts, the sprite of icons; each under a name made from its content,
// and compressed ahead. Sources: this folder and every template of the tree. Run it in a folder where `npm ci` has put
// the packages of package-lock.json.
// INVARIANT: the same sources give the same bytes; the folder `static` is complete or as it was.
// INVARIANT: an icon that nobody has drawn fails the build.
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const KIT = dirname(fileURLToPath(import.meta.url));
const TREE = resolve(KIT, "..", "..");
const OUT = join(TREE, "shared", "whistle_shared", "pages", "static");
const PACKAGES = resolve("node_modules");
const { build, transform } = createRequire(join(PACKAGES, "any.js"))("esbuild");
const { PurgeCSS } = createRequire(join(PACKAGES, "any.js"))("purgecss");

// `theme` must run before the first paint, `sw` and `push` are no page's scripts: none is a module.
const MODULES = ["pages", "map", "report", "street", "department", "notices", "office"];
const CLASSICS = ["theme", "sw", "push"];
// Words that no template has in full, because they are chosen when a page is shown.
const CHOSEN = ["data-bs-theme", "dark", "light"];
const LICENSED = ["@tabler/core", "@tabler/icons", "htmx.org", "echarts", "zrender", "tslib"];
const NOTICES = ["LICENSE", "LICENSE.txt", "NOTICE"];

const text = (...path) => readFileSync(join(...path), "utf8");
const digest = (content, length) => createHash("sha256").update(content).digest("hex").slice(0, length);
const found = (pattern, folder) => globSync(pattern, { cwd: folder }).sort().map((path) => join(folder, path));

function sources() {
  const templates = ["shared", "services"].flatMap((part) => found("**/templates/**/*.html", join(TREE, part)));
  return { templates, own: found("{*.json,*.mjs,*.txt,css/*.css,js/**/*.js,icons/*.svg,images/*}", KIT) };
}

function fingerprint({ templates, own }) {
  const parts = [...own, ...templates].map((file) => `${file.slice(TREE.length)}\n${digest(readFileSync(file))}\n`);
  return digest(parts.join(""));
}

class Shelf {
  // Everything that was made: file name → content; and under which file name a template finds what it asks for.
  files = new Map();
  manifest = {};

  add(name, content) {
    const file = `${basename(name, extname(name))}-${digest(content, 10)}${extname(name)}`;
    this.files.set(file, Buffer.from(content));
    return file;
  }

  publish(name, content) {
    this.manifest[name] = this.add(name, content);
  }
}

async function styles(shelf, { templates, own }) {
  const css = own.filter((file) => file.endsWith(".css")).map((file) => text(file)).join("\n");
  const scripts = own.filter((file) => file.endsWith(".js"));
  const used = [css, ...[...scripts, ...templates].map((file) => text(file))].join("\n");
  const [{ css: purged }] = await new PurgeCSS().purge({
    content: [...templates, ...scripts],
    css: [{ raw: text(PACKAGES, "@tabler/core/dist/css/tabler.css") }],
    safelist: { standard: CHOSEN, variables: used.match(/--tblr-[\w-]+/g) ?? [] },
    variables: true,
    keyframes: true,
    fontFace: true,
  });
  // The policy of our pages allows no data: addresses.
  const drawn = purged.replace(/url\((["'])data:image\/svg\+xml,(.*?)\1\)/g, (_, quote, svg) => {
    return `url("${shelf.add("mark.svg", decodeURIComponent(svg))}")`;
  });
  const { code } = await transform(`${drawn}\n${css}`, { loader: "css", minify: true });
  if (/url\(["']?data:/.test(code)) throw new Error("the style sheet has a data: address that is no SVG");
  shelf.publish("pages.css", code);
}

async function scripts(shelf) {
  const options = { bundle: true, minify: true, write: false, outdir: OUT, absWorkingDir: KIT };
  const more = { nodePaths: [PACKAGES], legalComments: "none", target: "es2022", logLevel: "error" };
  const entries = (names) => names.map((name) => join("js", `${name}.js`)).filter((path) => existsSync(join(KIT, path)));
  const modules = { format: "esm", splitting: true, chunkNames: "part-[hash]" };
  const made = [
    await build({ ...options, ...more, ...modules, entryPoints: entries(MODULES) }),
    await build({ ...options, ...more, format: "iife", entryPoints: entries(CLASSICS) }),
  ].flatMap(({ outputFiles }) => outputFiles);
  for (const { path, contents } of made)
    // What entries share is imported by the name that it has already.
    if (basename(path).startsWith("part-")) shelf.files.set(basename(path), Buffer.from(contents));
    else shelf.publish(basename(path), contents);
}

function iconNames({ templates, own }) {
  // `icon("a" if x == "b" else "c")` and `icon({"x": "a", "y": "c"}[z])` name a and c; so does an argument `icon="a"`.
  const names = new Map();
  const name = (it, file) => names.set(it, names.get(it) ?? file);
  for (const file of [...templates, ...own.filter((file) => file.endsWith(".js"))]) {
    const content = text(file);
    for (const [, inside] of content.matchAll(/\bicon\(([^)]*)\)/g))
      for (const [, it] of inside.matchAll(/(?<![=!]= *)["']([a-z0-9-]+)["'](?! *(?:[=!]=|:))/g)) name(it, file);
    for (const [, it] of content.matchAll(/\bicon=["']([a-z0-9-]+)["']/g)) name(it, file);
    // The macros of _kit.html that take one: empty("users", …) and standing(…, "here", "check").
    for (const [, it] of content.matchAll(/\bempty\(["']([a-z0-9-]+)["']/g)) name(it, file);
    for (const [, it] of content.matchAll(/\bstanding\([^\n]*?,\s*["'][a-z]+["'],\s*["']([a-z0-9-]+)["']\)/g)) name(it, file);
  }
  const list = join(KIT, "icons.txt");
  for (const line of text(list).split("\n")) if (/^[^#\s]/.test(line)) name(line.trim(), list);
  return names;
}

function drawing(name) {
  const filled = name.endsWith("-filled");
  const tabler = join(PACKAGES, "@tabler/icons/icons", filled ? "filled" : "outline");
  const places = [join(KIT, "icons", `${name}.svg`), join(tabler, `${filled ? name.slice(0, -7) : name}.svg`)];
  const file = places.find((place) => existsSync(place));
  return file && text(file);
}

function symbol(name, svg) {
  const [, attributes, inside] = svg.match(/<svg([^>]*)>(.*)<\/svg>/s);
  const kept = [...attributes.matchAll(/(viewBox|fill|stroke[a-z-]*)="[^"]*"/g)].map(([attribute]) => attribute);
  const shapes = inside.replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none" ?\/>/, "");
  return `<symbol id="${name}" ${kept.join(" ")}>${shapes.replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>")}</symbol>`;
}

function sprite(shelf, all) {
  const drawn = [...iconNames(all)].sort().map(([name, file]) => [name, file, drawing(name)]);
  const unknown = drawn.filter(([, , svg]) => !svg).map(([name, file]) => `  ${name}  (${file.slice(TREE.length + 1)})`);
  if (unknown.length) throw new Error(`no such icon (names: tabler.io/icons):\n${unknown.join("\n")}`);
  const symbols = drawn.map(([name, , svg]) => symbol(name, svg)).join("");
  shelf.publish("icons.svg", `<svg xmlns="http://www.w3.org/2000/svg">${symbols}</svg>`);
}

function licenses(shelf) {
  const texts = LICENSED.flatMap((name) =>
    NOTICES.filter((file) => existsSync(join(PACKAGES, name, file))).map((file) => `${name}\n\n${text(PACKAGES, name, file)}`),
  );
  shelf.publish("licenses.txt", texts.join(`\n${"-".repeat(80)}\n\n`));
}

function store(shelf, mark) {
  const fresh = `${OUT}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const names = Object.fromEntries(Object.entries(shelf.manifest).map(([name, file]) => [file, name]));
  for (const [file, content] of [...shelf.files].sort()) {
    const packed = { br: brotliCompressSync(content), gz: gzipSync(content, { level: 9 }) };
    writeFileSync(join(fresh, file), content);
    for (const [coding, bytes] of Object.entries(packed)) writeFileSync(join(fresh, `${file}.${coding}`), bytes);
    const sizes = [content, packed.br, packed.gz].map((bytes) => String(bytes.length).padStart(9));
    if (!file.startsWith("mark-")) console.log(`${(names[file] ?? file).padEnd(24)}${sizes.join("")}`);
  }
  writeFileSync(join(fresh, "sources"), mark);
  writeFileSync(join(fresh, "manifest.json"), JSON.stringify(shelf.manifest, Object.keys(shelf.manifest).sort(), 2) + "\n");
  rmSync(OUT, { recursive: true, force: true });
  renameSync(fresh, OUT);
}

async function main() {
  const all = sources();
  const mark = fingerprint(all);
  if (existsSync(join(OUT, "sources")) && text(OUT, "sources") === mark) return;
  const shelf = new Shelf();
  sprite(shelf, all);
  for (const file of readdirSync(join(KIT, "images")).sort()) shelf.publish(file, readFileSync(join(KIT, "images", file)));
  await Promise.all([styles(shelf, all), scripts(shelf)]);
  licenses(shelf);
  console.log(`${"for browsers".padEnd(24)}    bytes       br       gz`);
  store(shelf, mark);
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
