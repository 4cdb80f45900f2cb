import { engine } from './database.ts';

const key = {
  postgres: 'serial primary key',
  mariadb: 'int auto_increment primary key',
  sqlite: 'integer primary key autoincrement',
}[engine.name];

/** Tables of sales and of what is noted of them, with keys that the engine gives. */
export const saleTables: readonly string[] = [
  `create table sale (id ${key}, product_id int not null, token varchar(80), sold_at varchar(40))`,
  `create table audit (id ${key}, what varchar(40) not null)`,
];
