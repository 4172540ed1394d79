using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;

namespace Chat.Cells.Router.Guarding;

/// <summary>Token buckets by client address for what works without a token: half a minute's worth may come at once.</summary>
internal sealed class AddressLimits : IDisposable
{
    private readonly PartitionedRateLimiter<IPAddress>? limiter;

    public AddressLimits(int perMinute)
    {
        if (perMinute == 0) return;
        var options = new TokenBucketRateLimiterOptions
        {
            TokenLimit = Math.Max(1, perMinute / 2),
            TokensPerPeriod = 1,
            ReplenishmentPeriod = TimeSpan.FromMinutes(1) / perMinute,
            QueueLimit = 0,
        };
        limiter = PartitionedRateLimiter.Create<IPAddress, IPAddress>(address => RateLimitPartition.GetTokenBucketLimiter(Key(address), _ => options));
    }

    public bool TryTake(IPAddress? address)
    {
        if (limiter is null) return true;
        using var lease = limiter.AttemptAcquire(address ?? IPAddress.None);
        return lease.IsAcquired;
    }

    public void Dispose() => limiter?.Dispose();

    // One customer's line has a whole /64 of IPv6 addresses.
    internal static IPAddress Key(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }
}
