// Runs a test program that was built for `wasm32-wasip1`: `node wasi.mjs <program> [argument…]`. It sees the project's folder
// and nothing else.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const [program, ...more] = process.argv.slice(2);
const project = new URL('../../..', import.meta.url).pathname.replace(/\/$/, '');
const wasi = new WASI({ version: 'preview1', args: [program, ...more], env: process.env, preopens: { [project]: project } });
const { instance } = await WebAssembly.instantiate(await readFile(program), wasi.getImportObject());
process.exitCode = wasi.start(instance);
