"""What adapters share: the one function through which every cloud call goes, threads for SDKs, the pager of lists."""
