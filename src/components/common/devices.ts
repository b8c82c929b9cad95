import type { BackendInfo, Inventory } from '../../types';

/** All accelerators of a product in a place. */
export interface IGpus {
  product: string;
  total: number;
  free: number;
}

/** Return the accelerators of a place by product, those of all nodes together. */
export function gpusOf(inventory: Inventory | null): readonly IGpus[] {
  const found = new Map<string, IGpus>();
  for (const { product, total, free } of inventory?.devices ?? []) {
    const known = found.get(product) ?? { product, total: 0, free: 0 };
    found.set(product, { product, total: known.total + total, free: known.free + free });
  }
  return [...found.values()].sort((one, other) => one.product.localeCompare(other.product));
}

/** Return the place that a name means, the first one for `''`; null: it is not known (yet). */
export function placeOf(backends: readonly BackendInfo[] | null, name: string): BackendInfo | null {
  return (name ? backends?.find(backend => backend.name === name) : backends?.[0]) ?? null;
}
