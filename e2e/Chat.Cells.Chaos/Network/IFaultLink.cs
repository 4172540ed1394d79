namespace Chat.Cells.Chaos.Network;

/// <summary>What scenarios can break.</summary>
public interface IFaultLink
{
    string Name { get; }

    /// <summary>Connections that are open through it.</summary>
    int Open { get; }

    /// <summary>Breaks it in a way.</summary>
    void Break(LinkFault how);

    void Heal();
}
