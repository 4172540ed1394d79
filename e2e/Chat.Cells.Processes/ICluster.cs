namespace Chat.Cells.Processes;

/// <summary>A cluster on this machine, whose processes can be found.</summary>
public interface ICluster
{
    Uri Router { get; }

    /// <summary>What may be killed, in the order in which it is.</summary>
    IReadOnlyList<string> Victims { get; }

    /// <summary>The running processes of a role: <c>cell</c>, <c>bridge</c>, <c>router</c>, and in a cluster with a Kubernetes API <c>operator</c> and <c>apiserver</c>.</summary>
    IReadOnlyList<ProcessRef> Find(string role);
}
