// Rows that are drawn again only when they changed: in a long table most did not.

import { Component, h } from "preact";

/** A component that is drawn again only when one of its properties is another one. Rows of the views keep their identity. */
export function keep(Drawn) {
  return class Kept extends Component {
    shouldComponentUpdate(next) {
      const [now, then] = [Object.keys(this.props), Object.keys(next)];
      return now.length !== then.length || then.some((key) => next[key] !== this.props[key]);
    }

    render(props) {
      return h(Drawn, props);
    }
  };
}
