//! Point-mass exterior ballistics.
