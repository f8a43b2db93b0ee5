import { useEffect, useState } from "react";

/** The section that the address names after "#"; the first one where it names none. */
export function sectionOf<Id extends string>(hash: string, sections: readonly Id[]): Id {
  return sections.find((id) => `#${id}` === hash) ?? (sections[0] as Id);
}

export function useSection<Id extends string>(sections: readonly Id[]): Id {
  const [hash, setHash] = useState(location.hash);

  useEffect(() => {
    const follow = () => setHash(location.hash);
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  return sectionOf(hash, sections);
}
