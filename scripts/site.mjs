// The documentation site: `node scripts/site.mjs dev|build|look`. It has packages of its own, since TypeDoc needs an older TypeScript.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../site', import.meta.url));
const [script = ''] = process.argv.slice(2);
if (!['dev', 'build', 'look'].includes(script)) {
  console.error('Usage: node scripts/site.mjs dev|build|look');
  process.exit(2);
}
if (!isInstalled()) npm('ci', '--loglevel=error', '--no-audit', '--no-fund');
npm('run', '--silent', script);

/** Whether the packages are there, and not older than what is locked. */
function isInstalled() {
  const installed = join(folder, 'node_modules/.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs;
}

function npm(...args) {
  const { status, error } = spawnSync('npm', args, {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
