import { ConflictException, Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { MoreThan, Repository } from 'typeorm';
import { Product } from './entities';

/** It knows nothing of transactions: what it does belongs to the one that is open around the call. */
@Injectable()
export class StockService {
  constructor(@InjectRepository(Product) private readonly products: Repository<Product>) {}

  async reserve(id: string): Promise<void> {
    const { affected } = await this.products.decrement({ id, stock: MoreThan(0) }, 'stock', 1);
    if (affected === 0) throw new ConflictException('sold out');
  }
}
