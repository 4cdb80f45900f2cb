// Makes what VitePress builds, in site/pages. With --watch it serves the site and follows changes of the pages.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { writeErrors } from './errors.mjs';
import { writeLlms } from './llms.mjs';
import { writeHome, writePages } from './pages.mjs';
import { root, staged } from './places.mjs';
import { writeReference } from './reference.mjs';

rmSync(staged, { recursive: true, force: true });
layOut();
await writeReference();
if (process.argv.includes('--watch')) serve();

function layOut() {
  const texts = writePages();
  writeHome();
  writeLlms(texts, process.env.SITE_BASE ?? '/');
  copyFileSync(join(root, 'site/icon.svg'), join(staged, 'public/icon.svg'));
  const codes = writeErrors(texts.get('errors'));
  console.log(`${texts.size} pages and ${codes.length} errors are laid out.`);
}

function serve() {
  let timer;
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(layOut, 100);
  };
  watch(join(root, 'docs'), { recursive: true }, again);
  for (const file of ['README.md', 'CHANGELOG.md']) if (existsSync(join(root, file))) watch(join(root, file), again);
  const vitepress = join(root, 'site/node_modules/vitepress/bin/vitepress.js');
  spawn(process.execPath, [vitepress, 'dev'], { stdio: 'inherit' }).on('exit', (code) => process.exit(code ?? 1));
}
