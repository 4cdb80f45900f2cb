// Puts the page of the inspector into what is built: compiled for browsers, with its files and the library that draws its plots.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './entry-points.mjs';

const inner = 'inspector/page/browser';
const source = join(root, 'src', inner);
const target = join(root, 'dist', inner);
const compiled = mkdtempSync(join(tmpdir(), 'sluice-page-'));
try {
  const emit = ['--noEmit', 'false', '--allowImportingTsExtensions', 'false', '--rewriteRelativeImportExtensions'];
  const folders = ['--rootDir', join(root, 'src'), '--outDir', compiled];
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', source, ...emit, ...folders], { stdio: 'inherit' });
  // The types that it knows belong to files that are built already.
  cpSync(join(compiled, inner), target, { recursive: true });
} finally {
  rmSync(compiled, { recursive: true, force: true });
}
for (const name of readdirSync(source))
  if (/\.(?:html|css|svg)$/.test(name)) cpSync(join(source, name), join(target, name));
for (const name of ['dist/uPlot.iife.min.js', 'dist/uPlot.min.css', 'LICENSE'])
  cpSync(
    join(root, 'node_modules/uplot', name),
    join(target, 'vendor', name.replace(/^LICENSE$/, 'uPlot.LICENSE').replace('dist/', '')),
  );
