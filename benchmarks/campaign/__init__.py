"""What breaks this project, tried in large numbers: kills, damaged inputs, full disks, scarce memory, descriptors."""
