// What a page has told its scripts: its language, and the texts that only they say.
export const page = document.documentElement;
export const lang = page.lang;
export const texts = JSON.parse(document.body.dataset.texts ?? "{}");

/** "%(n)s 米" with {n: 5}: "5 米". */
export const fill = (form, parts) => form.replace(/%\((\w+)\)s/g, (_, name) => parts[name]);
