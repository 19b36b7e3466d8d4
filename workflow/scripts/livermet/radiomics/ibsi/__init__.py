"""The 107 features beside IBSI's consensus values (Zwanenburg et al., Radiology 2020)."""
