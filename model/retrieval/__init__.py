"""Who is found first: ranked galleries in bounded memory, CMC, mAP and mINP. Pure numpy."""
