// A part of the page that is loaded when it is first shown.

import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** Like the component, but loaded with its first use; shows nothing until then, and a sentence if it cannot be had. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [Part, set_part] = useState<ComponentType<P> | undefined>(() => loaded);
    const [failed, set_failed] = useState(false);
    useEffect(() => {
      if (Part) return;
      load().then(
        (part) => {
          loaded = part;
          set_part(() => part);
        },
        () => set_failed(true),
      );
    }, []);
    if (failed) return <p class="problem">This part of the page could not be loaded. Load the page again.</p>;
    return Part ? <Part {...props} /> : null;
  };
}
