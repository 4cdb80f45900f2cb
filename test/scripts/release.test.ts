import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/release.mjs', import.meta.url));
const manifest = {
  name: 'shop',
  version: '0.2.0',
  repository: 'https://shop.example',
  homepage: 'https://shop.example',
};
const changelog =
  '# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2030-01-31\n\n### Added\n\n- Orders.\n\n## [0.1.0] - 2029-01-31\n\n- Products.\n';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-release-'));
  run('git', 'init', '--quiet');
  mkdirSync(join(folder, '.ci'));
  write('.ci/run', '#!/bin/sh\nexit 0\n');
  chmodSync(join(folder, '.ci/run'), 0o755);
  write('package.json', JSON.stringify(manifest));
  write('package-lock.json', JSON.stringify({ version: '0.2.0' }));
  write('CHANGELOG.md', changelog);
  commit();
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a release', () => {
  it('runs the checks, and tags with what the changelog says of the version', () => {
    expect(release()).toEqual({ status: 0, output: 'Tagged v0.2.0. Push it with: git push origin v0.2.0\n' });
    expect(run('git', 'tag', '--list', '--format=%(contents)').trim()).toBe('shop 0.2.0\n\n### Added\n\n- Orders.');
  });

  it('only looks in a dry run', () => {
    write('.ci/run', '#!/bin/sh\ntouch ran\n');
    commit();
    expect(release('--dry-run')).toEqual({
      status: 0,
      output: 'Would run .ci/run and tag v0.2.0:\n\n### Added\n\n- Orders.\n',
    });
    expect(run('git', 'tag', '--list')).toBe('');
    expect(run('git', 'status', '--porcelain')).toBe('');
  });

  it.each<[string, string, string]>([
    ['checks that fail', 'exit 3', 'The checks failed: nothing was tagged.\n'],
    ['checks that change files', 'echo > left', 'The checks changed files: nothing was tagged.\n?? left\n'],
  ])('is not tagged after %s', (_, command, output) => {
    write('.ci/run', `#!/bin/sh\n${command}\n`);
    commit();
    expect(release()).toEqual({ status: 1, output });
    expect(run('git', 'tag', '--list')).toBe('');
  });
});

describe('a release is refused', () => {
  it.each<[string, () => void, string]>([
    ['a changed file', () => write('left', ''), 'The working tree is not clean:\n?? left'],
    ['a version of another form', () => setVersion('next'), 'next is not a version of the form 1.2.3 or 1.2.3-beta.1.'],
    [
      'a lock file of another version',
      () => write('package-lock.json', JSON.stringify({ version: '0.1.0' })),
      'package-lock.json has version 0.1.0: run npm install.',
    ],
    ['a version that is tagged', () => run('git', 'tag', 'v0.2.0'), 'There is a tag v0.2.0 already.'],
    ['a later version', () => run('git', 'tag', 'v0.10.0'), 'v0.10.0 has been released, which is later.'],
    [
      'a beta of what is released',
      () => {
        setVersion('0.3.0-beta.2');
        run('git', 'tag', 'v0.3.0');
      },
      'v0.3.0 has been released, which is later.',
    ],
    [
      'no repository',
      () => write('package.json', JSON.stringify({ ...manifest, repository: undefined })),
      'package.json has no repository, which provenance needs.',
    ],
    [
      'no homepage',
      () => write('package.json', JSON.stringify({ ...manifest, homepage: undefined })),
      'package.json has no homepage.',
    ],
    [
      'no section for the version',
      () => write('CHANGELOG.md', changelog.replace('[0.2.0]', '[0.1.9]')),
      'CHANGELOG.md has no section [0.2.0] below [Unreleased]: move what is released there.',
    ],
    [
      'no section for what comes next',
      () => write('CHANGELOG.md', changelog.replace('## [Unreleased]\n', '')),
      'CHANGELOG.md does not begin with a section [Unreleased].',
    ],
    [
      'entries that are not moved',
      () => write('CHANGELOG.md', changelog.replace('## [Unreleased]\n', '## [Unreleased]\n\n- Payments.\n')),
      'CHANGELOG.md still has entries in [Unreleased].',
    ],
    [
      'an empty section',
      () => write('CHANGELOG.md', changelog.replace('### Added\n\n- Orders.\n', '')),
      'The section [0.2.0] of CHANGELOG.md is empty.',
    ],
    [
      'a section without a date',
      () => write('CHANGELOG.md', changelog.replace(' - 2030-01-31', '')),
      'The section [0.2.0] of CHANGELOG.md has no date: [0.2.0] - 2030-01-31.',
    ],
  ])('for %s', (_, change, obstacle) => {
    change();
    if (!obstacle.startsWith('The working tree')) commit();
    const { status, output } = release('--dry-run');
    expect(output).toContain(`\n${obstacle}\n`);
    expect(status).toBe(1);
  });
});

function setVersion(version: string): void {
  write('package.json', JSON.stringify({ ...manifest, version }));
  write('package-lock.json', JSON.stringify({ version }));
  write('CHANGELOG.md', changelog.replace('[0.2.0]', `[${version}]`));
}

function release(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env,
  });
  return { status, output: stdout + stderr };
}

const person = { name: 'Shop', email: 'shop@shop.example' };
const env = {
  ...process.env,
  GIT_AUTHOR_NAME: person.name,
  GIT_AUTHOR_EMAIL: person.email,
  GIT_COMMITTER_NAME: person.name,
  GIT_COMMITTER_EMAIL: person.email,
};

function commit(): void {
  run('git', 'add', '--all');
  run('git', 'commit', '--quiet', '--allow-empty', '--message', 'Change the shop');
}

function write(file: string, text: string): void {
  writeFileSync(join(folder, file), text);
}

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', env });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}
