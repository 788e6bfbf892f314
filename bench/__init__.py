"""Speed and size, measured side by side: `make bench` prints ratios against peers of the same run."""
