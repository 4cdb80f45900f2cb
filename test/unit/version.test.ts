import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { docsOf } from '../../src/core/docs.ts';
import { oldestNode } from '../../src/core/node-version.ts';
import { repository, version } from '../../src/core/version.ts';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
  readonly repository?: string | { readonly url: string };
};

it('the versions that the code knows are those of the package', () => {
  expect(manifest).toMatchObject({ version, engines: { node: `>=${oldestNode.join('.')}` } });
});

it('the repository that the code knows is that of the package', () => {
  const given = typeof manifest.repository === 'string' ? manifest.repository : manifest.repository?.url;
  expect(repository).toBe(given?.replace(/^git\+/, '').replace(/\.git$/, ''));
});

it('links lead to the repository at the version, or into the installed package', () => {
  expect(docsOf('errors', 'POOL_DEADLOCK', { version: '1.2.3', repository: undefined })).toBe(
    'docs/errors.md#pool_deadlock',
  );
  expect(docsOf('warnings', 'SLUICE_HOOK_ERROR', { version: '1.2.3', repository: 'https://code.example/shop' })).toBe(
    'https://code.example/shop/blob/v1.2.3/docs/warnings.md#sluice_hook_error',
  );
});
