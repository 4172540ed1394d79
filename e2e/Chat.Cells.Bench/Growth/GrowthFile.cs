using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat.Cells.Bench.Growth;

/// <summary>One point of a curve: medians of several phases.</summary>
/// <param name="Size">Of what the curve is over.</param>
/// <param name="DeliveriesPerSecond">What was offered.</param>
/// <param name="KeptUp">In each phase everything came, and 99 % of it within the product's promise.</param>
/// <param name="Cpu">CPU seconds per 1,000 deliveries, of all servers of the cell.</param>
/// <param name="GatewayCpu">The gateways' part of it; null where one process has all roles.</param>
/// <param name="EngineCpu">What the Redis and the broker that were started for the run took beside it; null where there are none.</param>
/// <param name="P50">Of deliveries, ms.</param>
/// <param name="P99">Of deliveries, ms.</param>
/// <param name="GeneratorLateP99">How late the generator itself was, ms.</param>
/// <param name="Megabytes">Resident memory of each server that has clients, on average.</param>
/// <param name="OtherCores">Cores that were busy with what is no part of the run.</param>
internal sealed record GrowthPoint(
    int Size, double DeliveriesPerSecond, bool KeptUp, double Cpu, double? GatewayCpu, double? EngineCpu, double P50, double P99, double GeneratorLateP99, double Megabytes, double OtherCores);

/// <summary>One curve.</summary>
/// <param name="Name">As the command line names it.</param>
/// <param name="Over">What its sizes count, in words.</param>
/// <param name="Engine">As in <c>bench.json</c>.</param>
/// <param name="Load">In words.</param>
/// <param name="Void">Why acked messages were not safe there; null when they were.</param>
internal sealed record GrowthSeries(string Name, string Over, string Engine, string Load, string? Void, IReadOnlyList<GrowthPoint> Points);

/// <summary><c>docs/growth.json</c>: what the plot and the table are made of.</summary>
/// <param name="Cores">Of the machine, shared with the generator.</param>
internal sealed record GrowthFile(int Cores, IReadOnlyList<GrowthSeries> Series)
{
    /// <summary>Null when there is none.</summary>
    /// <exception cref="BenchException">It holds something else.</exception>
    public static GrowthFile? Read(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllText(path), GrowthJson.Default.GrowthFile) : null;
        }
        catch (JsonException e)
        {
            throw new BenchException($"{path} can't be read: {e.Message} Remove it, and measure all curves.", e);
        }
    }

    public void Write(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, GrowthJson.Default.GrowthFile) + "\n");

    /// <summary>With these curves in place of those of their names; in the order of <paramref name="names"/>.</summary>
    public GrowthFile With(IReadOnlyList<GrowthSeries> measured, IReadOnlyList<string> names) =>
        this with { Series = [.. names.Select(n => measured.FirstOrDefault(s => s.Name == n) ?? Series.FirstOrDefault(s => s.Name == n)).OfType<GrowthSeries>()] };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(GrowthFile))]
internal sealed partial class GrowthJson : JsonSerializerContext;
