// The district's map, coloured by what stands in the page: <div role="img" aria-label="…" data-map="/map.json"
// data-shades="shades" data-words='{"open": …, "overdue": …, "failed": …}'> shows
// <div id="shades" data-grids='{"S01-G001": [level, open, overdue]}'> and shows it anew when that changes. Not everybody
// can see a map, so the numbers stand in a table beside it; a press on a grid leads to its clocks.
import { MapChart } from "echarts/charts";
import { init, registerMap, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([MapChart, CanvasRenderer]);

const root = document.documentElement;
const wall = root.dataset.mode === "wall";
const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const rem = () => parseFloat(getComputedStyle(root).fontSize);
const FAMILY = getComputedStyle(document.body).fontFamily;

/** The rows of the page as ECharts wants them; `--map-0` (nothing) to `--map-4` are the style sheet's. */
function grids(shades, names, words) {
  return Object.entries(JSON.parse(shades.dataset.grids)).map(([code, [level, open, overdue]]) => ({
    name: code,
    address: `/clocks?grid=${encodeURIComponent(code)}`,
    itemStyle: { areaColor: colour(`--map-${level}`) },
    emphasis: { label: { show: !wall, formatter: `${names.get(code) ?? code}\n${words.open} ${open} · ${words.overdue} ${overdue}` } },
  }));
}

function picture(data, [width, height]) {
  const label = { color: colour("--map-text"), fontSize: 0.8 * rem(), fontFamily: FAMILY, textBorderColor: colour("--map-edge"), textBorderWidth: 3 };
  const place = { type: "map", nameProperty: "code", selectedMode: false, aspectScale, layoutCenter: ["50%", "50%"], layoutSize: 0.96 * Math.min(width, height * aspect) };
  return {
    animation: false,
    series: [
      {
        ...place,
        map: "grid",
        itemStyle: { areaColor: colour("--map-0"), borderColor: colour("--map-edge"), borderWidth: 0.5 },
        label: { show: false },
        emphasis: { disabled: wall, label: { ...label, show: false }, itemStyle: { areaColor: "inherit", borderColor: colour("--map-text"), borderWidth: 2 } },
        data,
      },
      {
        ...place,
        map: "street",
        silent: true,
        itemStyle: { areaColor: "transparent", borderColor: colour("--map-text"), borderWidth: wall ? 2 : 1 },
        label: { ...label, show: true, formatter: ({ name }) => streets.get(name) ?? name },
        emphasis: { disabled: true },
      },
    ],
  };
}

const streets = new Map();
let [aspect, aspectScale] = [1, 0.75];

/** How wide the district is for its height: a degree of longitude is the shorter, the further from the equator. */
function measure(features) {
  const corners = features.flatMap(({ geometry }) => geometry.coordinates.flat(geometry.type === "Polygon" ? 1 : 2));
  const [x, y] = [0, 1].map((axis) => corners.map((corner) => corner[axis]));
  const span = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity) - values.reduce((least, value) => Math.min(least, value), Infinity);
  aspectScale = Math.cos((y[0] * Math.PI) / 180);
  aspect = Math.max(1, (span(x) * aspectScale) / span(y));
}

/** All of them are streets: the map has no room to say so of each. */
const short = ({ name, name_en: english }) => (root.lang === "en" ? english.replace(/ Sub-district$/, "") : name.replace(/街道$/, ""));

/** Registers grids and streets, and gives the grids' names. */
async function shapes(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const { features } = await answer.json();
  const names = new Map();
  const level = (name, wanted) => {
    for (const { properties } of wanted) properties.code = properties[name];
    registerMap(name, { type: "FeatureCollection", features: wanted });
  };
  const ofGrids = features.filter(({ properties }) => "grid" in properties);
  const ofStreets = features.filter(({ properties }) => !("grid" in properties));
  for (const { properties } of ofGrids) names.set(properties.grid, properties.name);
  for (const { properties } of ofStreets) streets.set(properties.street, short(properties));
  measure(ofStreets);
  level("grid", ofGrids);
  level("street", ofStreets);
  return names;
}

async function draw(place) {
  const words = JSON.parse(place.dataset.words);
  const names = await shapes(place.dataset.map);
  const shades = () => document.getElementById(place.dataset.shades);
  const chart = init(place);
  const show = () => shades() && chart.setOption(picture(grids(shades(), names, words), [place.clientWidth, place.clientHeight]));
  show();
  chart.on("click", ({ data }) => data?.address && !wall && location.assign(data.address));
  document.addEventListener("whistle:fresh", show);
  new MutationObserver(show).observe(root, { attributeFilter: ["data-bs-theme"] });
  new ResizeObserver(() => { chart.resize(); show(); }).observe(place);
}

for (const place of document.querySelectorAll("[data-map]"))
  draw(place).catch((error) => {
    // The table stands beside it.
    place.dataset.failed = "";
    console.error(error);
  });
