import { expect, it } from 'vitest';
import { collectionOf } from '../../src/opentelemetry/collection.ts';

it.each([
  ['select * from product', 'product'],
  ['SELECT id FROM product p WHERE p.id in (?, ?) order by id, name', 'product'],
  ['select count(*) from "shop"."product" for update', 'shop.product'],
  ['select `id` from `order`', 'order'],
  ['select id from only product;', 'product'],
  ['insert into "order" ("id", "name") values ($1, ?)', 'order'],
  ['insert into copy select * from product', 'copy'],
  ['replace into product values (?)', 'product'],
  ['update only product set stock = ? where id = $1', 'product'],
  ['delete from product where id = ?', 'product'],
])('%s is about %s', (text, table) => {
  expect(collectionOf(text)).toBe(table);
});

it.each([
  'select ?',
  'select * from product, stock',
  'select * from product p, stock s',
  'select * from product join stock on true',
  'select * from product where id in (select product_id from sale)',
  'select ? from product union select ? from stock',
  'with old as (select ?) delete from product',
  'select * from generate_series(?, ?)',
  'select * from (select ?) inner_one',
  'do ?',
  'call pay(?)',
  '',
])('%s is about no one table that is known', (text) => {
  expect(collectionOf(text)).toBeUndefined();
});
