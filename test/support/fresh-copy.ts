import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The repository in a folder that its owner alone can enter, as `git clone` and `npm ci` leave it there. */
export interface FreshCopy {
  readonly folder: string;
  /** Runs `npm` as the owner, on a machine on which nothing is configured but `settings`. */
  npm(args: readonly string[], settings?: Readonly<Record<string, string>>): SpawnSyncReturns<string>;
  /** What is left in the temporary folder. */
  leftovers(): string[];
  remove(): void;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const notCloned = new Set(['.git', 'node_modules', 'dist', 'coverage']);

/** Who can be tried: the user who runs the tests, and where that is root, one who is not. */
export function accounts(): readonly Account[] {
  const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()];
  if (uid !== 0) return [{ name: 'a user', uid, gid }];
  const id = (kind: string): number => Number(spawnSync('id', [kind, 'nobody'], { encoding: 'utf8' }).stdout);
  return [
    { name: 'root', uid, gid },
    { name: 'a user', uid: id('-u'), gid: id('-g') },
  ];
}

export function freshCopy({ uid, gid }: Account): FreshCopy {
  const parent = mkdtempSync(join(tmpdir(), 'sluice-fresh-'));
  const [folder, temporary] = [join(parent, 'private/sluice'), join(parent, 'temporary')];
  cpSync(root, folder, { recursive: true, filter: (path) => !notCloned.has(basename(path)) });
  copyModules(join(folder, 'node_modules'));
  mkdirSync(temporary);
  for (const path of [parent, temporary]) chmodSync(path, 0o755);
  for (const path of [dirname(folder), temporary, join(folder, 'node_modules')]) chownSync(path, uid, gid);
  chmodSync(dirname(folder), 0o700);
  return {
    folder,
    npm: (args, settings = { CI: 'true' }) =>
      spawnSync('npm', args, {
        cwd: folder,
        uid,
        gid,
        encoding: 'utf8',
        timeout: 120_000,
        env: { PATH: outsideOf(root), HOME: temporary, TMPDIR: temporary, ...settings },
      }),
    // Files of npm, of Node.js and of the tests are no concern of ours.
    leftovers: () => readdirSync(temporary).filter((name) => name.startsWith('sluice-postgres-')),
    remove: () => rmSync(parent, { recursive: true, force: true }),
  };
}

/** As links, which is quick; where those cannot be made, as files. */
function copyModules(target: string): void {
  const source = join(root, 'node_modules');
  if (spawnSync('cp', ['-Rl', source, target]).status !== 0) {
    rmSync(target, { recursive: true, force: true });
    if (spawnSync('cp', ['-R', source, target]).status !== 0) throw new Error(`${source} could not be copied`);
  }
  // Caches of this tree, which belong to who has made them.
  for (const cache of ['.cache', '.vite', '.vite-temp', '.vitest'])
    rmSync(join(target, cache), { recursive: true, force: true });
}

/** The programs of the machine, and not those of a package that runs these tests. */
function outsideOf(folder: string): string {
  const all = (process.env['PATH'] ?? '').split(delimiter);
  return all.filter((path) => !path.startsWith(folder) && isFolder(path)).join(delimiter);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
