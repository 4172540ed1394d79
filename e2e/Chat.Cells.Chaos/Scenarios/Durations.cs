namespace Chat.Cells.Chaos.Scenarios;

/// <summary>How long scenarios take, measured on a machine of two cores that had other work: what a run's estimate and its bounds are made of.</summary>
public static class Durations
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(8);

    /// <summary>What isn't of the catalog.</summary>
    private static readonly TimeSpan Unknown = TimeSpan.FromSeconds(60);

    /// <summary>Seconds of the long form, by name or by the part before the dot.</summary>
    private static readonly Dictionary<string, int> Seconds = new()
    {
        ["crash"] = 20,
        ["crash.gateway"] = 100,
        ["replay"] = 30,
        ["wake"] = 25,
        ["fail"] = 25,
        ["fail.gateway"] = 120,
        ["hints"] = 12,
        ["clock"] = 6,
        ["disk"] = 40,
        ["net"] = 70,
        ["net.roles-kafka"] = 180,
        ["net.roles-redis"] = 130,
        ["net.roles-cassandra"] = 280,
        ["redis"] = 30,
        ["sigkill"] = 120,
        ["sigkill.cell"] = 150,
        ["sigkill.fanout"] = 280,
        ["sigstop"] = 130,
        ["sigstop.cell"] = 140,
        ["sigstop.fanout"] = 330,
        ["kafka"] = 70,
        ["cassandra"] = 120,
        ["broker"] = 120,
    };

    /// <param name="scenario">Its name.</param>
    /// <param name="isShort">The short form's sample.</param>
    public static TimeSpan Of(string scenario, bool isShort) => isShort ? Short : Find(scenario) is { } seconds ? TimeSpan.FromSeconds(seconds) : Unknown;

    /// <summary>False: nothing is listed for it.</summary>
    public static bool IsKnown(string scenario) => Find(scenario) is not null;

    private static int? Find(string scenario) =>
        Seconds.TryGetValue(scenario, out var seconds) || Seconds.TryGetValue(scenario.Split('.')[0], out seconds) ? seconds : null;
}
