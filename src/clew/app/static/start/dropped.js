// @ts-check
/** What is dropped on the page: files and whole folders; a browser does not say where they lie, so they are copied. */

/** @typedef {{name: string, file: File}} Dropped */

/**
 * Return all files of a drop or of a file input, those of folders with their place in them.
 * @param {DataTransfer | FileList} given
 * @returns {Promise<Dropped[]>}
 */
export async function filesOf(given) {
  if (given instanceof FileList) return [...given].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  const found = await Promise.all([...given.items].map((item) => {
    const entry = item.webkitGetAsEntry(), file = item.getAsFile();
    return entry ? inside(entry) : file ? [{ name: file.name, file }] : [];
  }));
  return found.flat().filter(({ name }) => !name.split("/").some((part) => part.startsWith(".")));
}

/** @param {FileSystemEntry} entry @returns {Promise<Dropped[]>} */
async function inside(entry) {
  const name = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return [{ name, file: await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject)) }];
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    for (const one of some) found.push(...await inside(one));
  }
  return found;
}

/**
 * Send files to the server, which keeps copies beside the study.
 * @param {Dropped[]} files
 * @param {(done: number, all: number) => void} tell
 * @returns {Promise<string[]>} where they lie now
 */
export async function send(files, tell) {
  const batch = new Date().toISOString().replace(/[^\d]/g, "").slice(0, 14);
  const paths = [];
  for (const [i, { name, file }] of files.entries()) {
    tell(i + 1, files.length);
    const answer = await fetch(`/upload/${batch}/${name.split("/").map(encodeURIComponent).join("/")}`, { method: "PUT", body: file });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    paths.push(told.path);
  }
  return paths;
}
