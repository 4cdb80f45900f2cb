import { runInNewContext } from 'node:vm';
import { afterEach, expect, it, vi } from 'vitest';
import { emitWarning } from '../../src/core/index.ts';

afterEach(() => vi.unstubAllGlobals());

it.each(['of Node.js itself', 'of another realm, as in Jest'])(
  'a warning is emitted where errors are %s',
  async (where) => {
    const emitted = new Promise((resolve) => process.once('warning', resolve));
    const cause = new Error('the server has gone');
    if (where.includes('another')) vi.stubGlobal('Error', runInNewContext('Error'));
    emitWarning('SLUICE_BACKGROUND_ERROR', 'the relay has stopped', { cause });
    expect(await emitted).toMatchObject({
      name: 'SluiceBackgroundWarning',
      code: 'SLUICE_BACKGROUND_ERROR',
      message: 'the relay has stopped',
      docs: 'docs/warnings.md#sluice_background_error',
      cause,
    });
  },
);
