// Which page an address names, and which one a role begins with. Pure.

export function pageOf(pathname) {
  const [, first, second] = pathname.split("/");
  if (first === "wall" && second) return { page: "wall", name: decoded(second) };
  if (first === "agent" || first === "supervisor") return { page: first };
  return { page: "home" };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A path of this server, or "": what leads elsewhere is not followed. */
export function localPath(path) {
  return /^\/[\w-]+$/.test(path || "") ? path : "";
}

export function homeOf(session) {
  return session.role === "agent" ? "/agent" : "/supervisor";
}

/** Roles as the API has them: what the buttons of a page need. */
export const may = {
  supervise: (session) => session.role === "supervisor" || session.role === "admin",
  administer: (session) => session.role === "admin",
};
