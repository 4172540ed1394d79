using Chat.Cells.E2E.Tests.Clusters;

namespace Chat.Cells.E2E.Tests;

/// <summary>What a platform engineer types.</summary>
[Collection(ClusterCollection.Name)]
public sealed class KubectlTests(ClusterFixture cluster)
{
    [KubectlFact]
    public async Task Get_ChatCells_ReadsWell()
    {
        var (exitCode, output) = await Kubectl.RunAsync(cluster.Kubeconfig, "get", "chatcells");
        Assert.True(exitCode == 0, output);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["NAME", "REGION", "READY", "GATEWAYS", "CONNECTIONS", "AGE"], lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(lines, l => l.StartsWith("eu-west-1 ", StringComparison.Ordinal) && l.Contains("True", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("us-east-1 ", StringComparison.Ordinal) && l.Contains("True", StringComparison.Ordinal));
    }

    [KubectlFact]
    public async Task Wait_ForReadyCells_Returns()
    {
        var (exitCode, output) = await Kubectl.RunAsync(cluster.Kubeconfig, "wait", "--for=condition=Ready", "chatcell", "--all", "--timeout=45s");
        Assert.True(exitCode == 0, output);
        Assert.Equal(2, output.Split('\n').Count(l => l.Contains("condition met", StringComparison.Ordinal)));
    }

    [KubectlFact]
    public async Task Get_ByShortNameWithJsonPath_GivesTheRegion()
    {
        var (exitCode, output) = await Kubectl.RunAsync(cluster.Kubeconfig, "get", "cell", "eu-west-1", "-o", "jsonpath={.spec.region}");
        Assert.True(exitCode == 0, output);
        Assert.Equal("eu-west", output);
    }
}
