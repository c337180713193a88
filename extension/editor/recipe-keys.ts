import type { RecipeData } from '../quantize/recipe';

/**
 * A short key for each recipe, the same for equal ones. A recipe for ten thousand layers is a long text, which is so made once for each
 * object and not at every look-up.
 */
export class RecipeKeys {
  private readonly known = new WeakMap<RecipeData, string>();
  private readonly keys = new Map<string, string>();

  of(recipe: RecipeData): string {
    const known = this.known.get(recipe);
    if (known !== undefined) return known;
    const text = JSON.stringify(recipe);
    const key = this.keys.get(text) ?? String(this.keys.size);
    this.keys.set(text, key);
    this.known.set(recipe, key);
    return key;
  }
}
