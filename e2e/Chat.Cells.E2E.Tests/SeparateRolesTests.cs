using Chat.Cells.Load.CommandLine;
using Chat.Cells.Load.Smoke;
using Chat.Cells.Processes;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.E2E.Tests;

/// <summary>A short <c>make smoke ROLES=separate</c>. On its own: with its 17 processes beside another cluster, neither would come to its turn.</summary>
[Collection(SeparateRolesCollection.Name)]
public sealed class SeparateRolesTests
{
    [SeparateRolesFact]
    public async Task EachRole_KilledUnderLoad_HistoryIsGood()
    {
        var artifacts = Directory.CreateTempSubdirectory("chat-cells-separate-").FullName;
        var options = new LoadOptions
        {
            Placement = Placement.Separate,
            Seed = 5,
            Rate = 65,
            Messages = 500,
            Kills = ["gateway", "fanout", "delivery"],
            Artifacts = artifacts,
        };

        Assert.Equal(0, await SmokeRun.RunAsync(options, CancellationToken.None));

        Directory.Delete(artifacts, recursive: true); // kept when it failed
    }
}

[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class SeparateRolesCollection
{
    public const string Name = "separate roles";
}

/// <summary>A test that starts Kafka's mock and Redis, and cells on them.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SeparateRolesFactAttribute : FactAttribute
{
    public SeparateRolesFactAttribute()
    {
        if (Clusters.ClusterSource.IsGiven) Skip = "The suites run on a given cluster; this one starts its own.";
        else if (EngineServers.MissingForSeparateRoles is { } reason) Skip = $"Separate roles need Kafka's mock and Redis: {reason}.";
    }
}
