import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { declarationReader } from '../../scripts/declarations.mjs';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'sluice-declarations-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function write(file: string, text: string): string {
  const path = join(folder, file);
  writeFileSync(path, text);
  return path;
}

describe('what a declaration file offers', () => {
  it('is read without its comments, with all overloads of a name', () => {
    const shop = write(
      'shop.d.ts',
      [
        '/** Sells. */',
        'export declare function sell(id: number): void;',
        "export declare function sell(name: 'a /* b */'): void;",
        'export interface Product {',
        '    /** The stock. */',
        '    readonly stock: number; // left',
        '}',
        'declare const hidden: unique symbol;',
        'export {};',
        '',
      ].join('\n'),
    );
    const { declared, exported } = declarationReader()(shop);
    expect([...exported.keys()]).toEqual(['sell', 'Product']);
    expect(declared.get('sell')).toEqual([
      'export declare function sell(id: number): void;',
      "export declare function sell(name: 'a /* b */'): void;",
    ]);
    expect(declared.get('Product')).toEqual(['export interface Product {\n    readonly stock: number;\n}']);
    expect(declared.has('hidden')).toBe(true);
  });

  it('has a default', () => {
    const shop = write('shop.d.ts', 'declare const shop: object;\nexport default shop;\n');
    expect(declarationReader()(shop).exported.get('default')).toEqual({ module: shop, name: 'shop' });
  });

  it('names where it comes from, under another name too', () => {
    const till = write('till.d.ts', 'export declare const pay: () => void;\n');
    const shop = write(
      'shop.d.ts',
      "import type { Pool } from 'pg';\nimport { pay } from './till.ts';\nexport { pay };\nexport { type pay as charge, } from './till.js';\n",
    );
    const { imported, exported } = declarationReader()(shop);
    expect(imported.get('Pool')).toEqual({ module: 'pg', name: 'Pool' });
    expect(exported.get('pay')).toEqual({ module: till, name: 'pay' });
    expect(exported.get('charge')).toEqual({ module: till, name: 'pay' });
  });

  it('is refused where it cannot be read, so that nothing is left out in silence', () => {
    const all = write('all.d.ts', "export * from './till.ts';\n");
    expect(() => declarationReader()(all)).toThrow("cannot read:\nexport * from './till.ts';");
    const missing = write('missing.d.ts', "export { pay } from './till.ts';\n");
    expect(() => declarationReader()(missing)).toThrow('names ./till.ts, which was not built');
  });
});
