"""Reports and reviews: what a day, a week, a sprint and a quarter were, from data."""
