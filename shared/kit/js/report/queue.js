// Reports on their way: kept on the device under a key of their own, sent until the server has answered.
// INVARIANT: a report is kept before it is sent, with its photos, and let go only in the same step in which its answer
// is kept; sent again with its key it counts once.
const STORES = ["waiting", "sent", "draft"];
// The server knows a key for 30 days; what waited longer may have arrived long ago, and is asked about.
const LONGEST_WAIT = 25 * 86_400_000;
const PATIENCE = 30_000;
const PATIENCE_WITH_A_PHOTO = 120_000;
// What this device did not let us keep lives as long as the page.
const memory = Object.fromEntries(STORES.map((name) => [name, new Map()]));
const JSON_BODY = { "Content-Type": "application/json" };

let opening = null;
let sending = false;
let notBefore = 0;

function open() {
  opening ??= new Promise((done, failed) => {
    const asked = indexedDB.open("whistle-reports", 1);
    asked.onupgradeneeded = () => STORES.forEach((name) => asked.result.createObjectStore(name, { keyPath: "key" }));
    asked.onerror = () => failed(asked.error);
    asked.onsuccess = () => {
      asked.result.onclose = () => { opening = null; };
      done(asked.result);
    };
  });
  return opening;
}

/** Steps ["put", store, row] and ["delete", store, key], all or none; false when they are not kept for good. */
export async function write(...steps) {
  try {
    const transaction = (await open()).transaction(STORES, "readwrite", { durability: "strict" });
    for (const [act, store, what] of steps) transaction.objectStore(store)[act](what);
    await new Promise((done, failed) => {
      transaction.oncomplete = done;
      transaction.onabort = () => failed(transaction.error);
    });
    for (const [, store, what] of steps) memory[store].delete(what.key ?? what);
    return true;
  } catch {
    for (const [act, store, what] of steps)
      if (act === "put") memory[store].set(what.key, what);
      else memory[store].delete(what);
    return false;
  }
}

/** The rows of a store, the oldest first. */
export async function all(store) {
  const kept = await open()
    .then((base) => new Promise((done, failed) => {
      const asked = base.transaction(store).objectStore(store).getAll();
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => failed(asked.error);
    }))
    .catch(() => []);
  return [...kept, ...memory[store].values()].sort((one, other) => one.at - other.at);
}

async function post(path, body, headers, patience) {
  try {
    const signal = AbortSignal.timeout?.(patience);
    const told = { "Accept": "application/json", "Accept-Language": document.documentElement.lang, ...headers };
    const answer = await fetch(path, { method: "POST", body, headers: told, signal, credentials: "omit" });
    // Whoever else answers (a network's own sign-in page) has not taken anything in.
    const said = await answer.json();
    if (answer.status === 429) notBefore = Date.now() + 1000 * Number(answer.headers.get("Retry-After") ?? 15);
    return answer.status >= 500 || [408, 425, 429].includes(answer.status) ? null : { ok: answer.ok, said };
  } catch {
    return null;
  }
}

const reasons = (said) => (said.errors ?? []).map(({ reason }) => reason).join("；") || said.detail || said.title || "";

async function refused(row, said) {
  row.problem = reasons(said);
  await write(["put", "waiting", row]);
  return true;
}

/** Whether to go on with the next one. */
async function sendPhotos(row) {
  for (const photo of row.photos.filter(({ id }) => !id)) {
    const answer = await post("/api/v1/photos?purpose=report", photo.data, { "Content-Type": "image/jpeg" }, PATIENCE_WITH_A_PHOTO);
    if (!answer) return "later";
    if (!answer.ok) { await refused(row, answer.said); return "refused"; }
    photo.id = answer.said.photo_id;
    await write(["put", "waiting", row]);
  }
  return "sent";
}

async function sendOne(row) {
  const photos = await sendPhotos(row);
  if (photos !== "sent") return photos === "refused";
  const body = JSON.stringify({ ...row.body, photos: row.photos.map(({ id }) => id) });
  const answer = await post("/api/v1/reports", body, { ...JSON_BODY, "Idempotency-Key": row.key }, PATIENCE);
  if (!answer) return false;
  if (!answer.ok) {
    // Photos that nothing named for a day are gone; the device still has them.
    const forgotten = answer.said.errors?.some(({ field }) => field.startsWith("photos")) && !row.again;
    if (!forgotten) return refused(row, answer.said);
    row.again = true;
    row.photos.forEach((photo) => { delete photo.id; });
    await write(["put", "waiting", row]);
    return sendOne(row);
  }
  if (!answer.said.report_id) return false;
  const sent = { key: row.key, at: row.at, code: answer.said.code };
  await write(["delete", "waiting", row.key], ["put", "sent", sent]);
  return true;
}

/** One page at a time: where pages cannot agree, the server counts a report once all the same. */
const alone = (act) => navigator.locks ? navigator.locks.request("whistle-reports", { ifAvailable: true }, (lock) => lock && act()) : act();

/** Sends what waits, oldest first; `changed` is called when something has become of one. */
export async function sendAll(changed) {
  if (sending || Date.now() < notBefore) return;
  sending = true;
  try {
    await alone(async () => {
      for (const row of (await all("waiting")).filter(({ problem }) => problem === undefined)) {
        const isOld = Date.now() - row.at > LONGEST_WAIT;
        const goOn = isOld ? await refused(row, {}) : await sendOne(row);
        await changed();
        if (!goOn) break;
      }
    });
  } finally {
    sending = false;
  }
}
