using System.Net;

namespace Cassandra;

/// <summary>Says where the application reaches a node whose own address it can't use: behind network address translation, forwarded ports, a proxy.</summary>
public interface IAddressTranslator
{
    /// <summary>Asked for every node in the system tables and in events; contact points are used as they are given. Called by several threads; must not fail.</summary>
    /// <param name="address">The native address and port that the cluster tells of a node.</param>
    /// <returns>Where connections to the node go.</returns>
    IPEndPoint Translate(IPEndPoint address);
}

/// <summary>A table of addresses. What isn't in it is used as it is.</summary>
/// <param name="addresses">Where nodes say that they are, and where they are reached.</param>
public sealed class AddressTable(IReadOnlyDictionary<IPEndPoint, IPEndPoint> addresses) : IAddressTranslator
{
    public IPEndPoint Translate(IPEndPoint address) => addresses.GetValueOrDefault(address, address);
}
