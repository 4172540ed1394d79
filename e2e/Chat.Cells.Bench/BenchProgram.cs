using Chat.Cells.Processes;

namespace Chat.Cells.Bench;

/// <summary>This very program, started again in another role.</summary>
internal static class BenchProgram
{
    public static ServerCommand Command(params string[] arguments) => new("dotnet", [typeof(BenchProgram).Assembly.Location, .. arguments]);
}
