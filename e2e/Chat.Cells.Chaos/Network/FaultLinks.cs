namespace Chat.Cells.Chaos.Network;

/// <summary>Links that break together: those of one kind of server to all brokers.</summary>
/// <param name="name">For people.</param>
/// <param name="links">All of them.</param>
public sealed class FaultLinks(string name, IReadOnlyList<FaultProxy> links) : IFaultLink
{
    public string Name => name;

    public int Open => links.Sum(l => l.Open);

    public void Break(LinkFault how)
    {
        foreach (var link in links) link.Break(how);
    }

    public void Heal() => Break(LinkFault.None);
}
