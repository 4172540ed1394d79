using System.Globalization;
using System.Net;

namespace Chat.Cells.LocalCluster.PodRunner.State;

/// <summary>A /16 of 127.0.0.0/8, from which pods get addresses. Linux answers on all of them without any set-up.</summary>
public sealed class LoopbackRange
{
    private const int First = 10; // leaves the first few for people
    private const int Last = 65_534;
    private readonly int secondOctet;
    private int next;

    /// <summary>Takes up after the address given out last, so that an address is not used again at once.</summary>
    public LoopbackRange(string cidr, IPAddress? last = null)
    {
        secondOctet = Parse(cidr);
        next = last is not null && IndexOf(last) is { } index ? index + 1 : First;
    }

    /// <summary>The second octet of a range like 127.97.0.0/16.</summary>
    /// <exception cref="FormatException">It is not such a range.</exception>
    public static int Parse(string cidr) =>
        IPNetwork.TryParse(cidr, out var network) && network.PrefixLength == 16 && network.BaseAddress.GetAddressBytes() is [127, var second, 0, 0]
            ? second
            : throw new FormatException($"\"{cidr}\" is not a pod range: it must be 127.x.0.0/16.");

    /// <summary>The range's address with this index.</summary>
    public static IPAddress Address(int secondOctet, int index) => new([127, (byte)secondOctet, (byte)(index >> 8), (byte)index]);

    /// <summary>Whether the address lies in this range.</summary>
    public bool Contains(IPAddress address) => IndexOf(address) is not null;

    /// <summary>An address that nobody in the set has.</summary>
    /// <exception cref="InvalidOperationException">All of them are taken.</exception>
    public IPAddress Allocate(IReadOnlySet<IPAddress> taken)
    {
        for (var tries = 0; tries <= Last - First; tries++)
        {
            var index = next > Last ? First : next;
            next = index + 1;
            if ((index & 0xFF) is 0 or 0xFF)
            {
                continue;
            }

            var address = Address(secondOctet, index);
            if (!taken.Contains(address))
            {
                return address;
            }
        }

        throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"All pod addresses of 127.{secondOctet}.0.0/16 are taken."));
    }

    private int? IndexOf(IPAddress address) =>
        address.GetAddressBytes() is [127, var second, var third, var fourth] && second == secondOctet ? (third << 8) | fourth : null;
}
