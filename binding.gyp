{
  "targets": [
    {
      "target_name": "openvino_llm",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake-js",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/openvino_llm.node"],
          "action": ["node", "scripts/build/build.mjs", "--addon"]
        }
      ]
    }
  ]
}
