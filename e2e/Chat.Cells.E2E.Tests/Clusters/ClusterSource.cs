namespace Chat.Cells.E2E.Tests.Clusters;

/// <summary>Which cluster the suites run against; decided by the environment, the same for the whole assembly.</summary>
internal static class ClusterSource
{
    /// <summary>Any router: <c>CHATCELLS_ROUTER_URL</c>. With <c>KUBECONFIG</c> its Kubernetes API is looked at too.</summary>
    public static string? RouterUrl { get; } = Read("CHATCELLS_ROUTER_URL");

    /// <summary>A running local cluster's <c>cluster.json</c>: <c>CHATCELLS_CLUSTER</c>.</summary>
    public static string? Description { get; } = Read("CHATCELLS_CLUSTER");

    /// <summary>Plain processes without a Kubernetes API: <c>CHATCELLS_DIRECT=1</c>.</summary>
    public static bool Direct { get; } = Read("CHATCELLS_DIRECT") == "1";

    /// <summary>A running cluster was named.</summary>
    public static bool IsGiven => RouterUrl is not null || Description is not null;

    /// <summary>The processes are on this machine and may be killed.</summary>
    public static bool MayKill => RouterUrl is null;

    /// <summary>There is a Kubernetes API to look at.</summary>
    public static bool HasKubernetes => RouterUrl is null ? !Direct : Read("KUBECONFIG") is not null;

    public static string? Read(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}

/// <summary>A test that kills or stops processes of the cluster.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KillFactAttribute : FactAttribute
{
    public KillFactAttribute()
    {
        if (!ClusterSource.MayKill) Skip = "The cluster given by CHATCELLS_ROUTER_URL is not on this machine: nothing is killed there.";
    }
}

/// <summary>A test that needs the cluster's operator and API server as processes on this machine.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LocalClusterFactAttribute : FactAttribute
{
    public LocalClusterFactAttribute()
    {
        if (ClusterSource.RouterUrl is not null || ClusterSource.Direct) Skip = "Needs a local cluster with its own operator and API server.";
    }
}

/// <summary>A test that uses kubectl.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KubectlFactAttribute : FactAttribute
{
    public KubectlFactAttribute()
    {
        if (!ClusterSource.HasKubernetes) Skip = "There is no Kubernetes API: set KUBECONFIG.";
        else if (Kubectl.Unusable is { } reason) Skip = reason;
    }
}
