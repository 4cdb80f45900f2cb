// Checks that the version in package.json can be released, runs all checks, and tags the commit. It never publishes: that is done
// from the tag. With --dry-run it only looks, and changes and runs nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { obstaclesTo, releaseNotes } from './release-rules.mjs';

const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false } } });
const isDryRun = values['dry-run'];
const root = git('rev-parse', '--show-toplevel');

const manifest = readJson('package.json');
const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
const tag = `v${manifest.version}`;

const obstacles = obstaclesTo({
  manifest,
  lock: readJson('package-lock.json'),
  changelog,
  changes: git('status', '--porcelain'),
  tags: git('tag', '--list').split('\n'),
});
if (obstacles.length > 0) fail(`${manifest.name} ${manifest.version} cannot be released:\n${obstacles.join('\n')}`);

const notes = releaseNotes(changelog, manifest.version);
if (isDryRun) {
  console.log(`Would run .ci/run and tag ${tag}:\n\n${notes}`);
} else {
  const { status } = spawnSync(join(root, '.ci/run'), { cwd: root, stdio: 'inherit' });
  if (status !== 0) fail('The checks failed: nothing was tagged.');
  const changes = git('status', '--porcelain');
  if (changes !== '') fail(`The checks changed files: nothing was tagged.\n${changes}`);
  // Headings of the notes begin with #, which is not a comment here.
  git('tag', '--annotate', '--cleanup=verbatim', '--message', `${manifest.name} ${manifest.version}\n\n${notes}`, tag);
  console.log(`Tagged ${tag}. Push it with: git push origin ${tag}`);
}

function readJson(file) {
  return JSON.parse(readFileSync(join(root, file), 'utf8'));
}

function git(...args) {
  return execFileSync('git', args, { encoding: 'utf8' }).trim();
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
