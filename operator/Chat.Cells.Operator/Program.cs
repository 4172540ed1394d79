using Chat.Cells.Operator.Hosting;

return await CommandLine.Build().Parse(args).InvokeAsync();
